/*
 * unload HOST OBJECT: a thread and the main program use the library that is inside the shared
 * object HOST, HOST is unloaded, and only then the process forks and the thread ends. Prints what
 * the object answered, three times over.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

typedef long round_function(const void *bytes, size_t size);

static struct {
	round_function *round;
	void *bytes;
	size_t size;
	long answer;
	pthread_barrier_t turn;
} work;

static void *thread_run(void *context)
{
	work.answer = work.round(work.bytes, work.size);
	pthread_barrier_wait(&work.turn); /* used */
	pthread_barrier_wait(&work.turn); /* unloaded */
	return context;
}

static int host_use(const char *path)
{
	void *host = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	pthread_t thread;
	long answer;
	int status = 1;
	pid_t child;

	work.round = host ? (round_function *)dlsym(host, "host_round") : NULL;
	if (!work.round || pthread_create(&thread, NULL, thread_run, NULL) != 0)
		return fprintf(stderr, "%s\n", host ? "no thread" : dlerror());
	answer = work.round(work.bytes, work.size);
	pthread_barrier_wait(&work.turn);
	dlclose(host);
	if (dlopen(path, RTLD_NOW | RTLD_NOLOAD))
		return fprintf(stderr, "%s is still there\n", path);
	child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, &status, 0);
	pthread_barrier_wait(&work.turn);
	pthread_join(thread, NULL);
	printf("%ld %ld\n", answer, work.answer);
	return status;
}

int main(int argc, char **argv)
{
	FILE *file = argc == 3 ? fopen(argv[2], "r") : NULL;
	int r = 0;

	if (!file || fseek(file, 0, SEEK_END) != 0)
		return 2;
	work.size = (size_t)ftell(file);
	work.bytes = malloc(work.size);
	rewind(file);
	if (!work.bytes || fread(work.bytes, 1, work.size, file) != work.size)
		return 2;
	fclose(file);
	pthread_barrier_init(&work.turn, NULL, 2);
	for (int i = 0; i < 3 && r == 0; i++)
		r = host_use(argv[1]);
	free(work.bytes);
	return r != 0;
}

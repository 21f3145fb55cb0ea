// Constructors that throw through the loader: more often than there are slots and entries, and
// afterwards each is free again. throws LOADER THROWING.SO: the object throws while THROWS is in
// the environment.
#include <soload.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <typeinfo>
#include <vector>

namespace
{
constexpr int ROUNDS = 40, TOGETHER = 8; // slots, and kept images, there are if not asked for more

soload_loader *loader;
std::vector<char> bytes;

[[noreturn]] void fault(const std::string &what)
{
	std::fprintf(stderr, "throws: %s\n", what.c_str());
	std::exit(1);
}

soload_image *load(std::uint64_t id)
{
	soload_object object = SOLOAD_OBJECT(bytes.data(), bytes.size());
	soload_image *image = nullptr;
	soload_error error = {};

	object.id = id;
	if (soload_load_object(loader, &object, &image, &error) < 0)
		fault(error.text);
	return image;
}

// Of the object in memory.
std::uintptr_t span()
{
	Elf64_Ehdr header;
	std::uintptr_t end = 0;

	std::memcpy(&header, bytes.data(), sizeof(header));
	for (std::size_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr load;

		std::memcpy(&load, bytes.data() + header.e_phoff + i * sizeof(load), sizeof(load));
		if (load.p_type == PT_LOAD)
			end = load.p_vaddr + load.p_memsz;
	}
	return end;
}

// While this thread has the exception, another one uses the loader: what it loads must not lie
// where the exception's type does.
void others_keep_away(const std::exception &e)
{
	const auto type = reinterpret_cast<std::uintptr_t>(typeid(e).name());

	std::thread([type] {
		soload_image *image = load(9);
		if (type - soload_base(image) < span())
			fault("the object went while its exception was there");
		soload_unload(image);
	}).join();
}

bool throws(std::uint64_t id, bool with_others = false)
{
	try {
		soload_unload(load(id));
	} catch (const std::exception &e) { // of a type of the object
		if (std::string(e.what()) != "not today")
			fault("another exception came through");
		if (with_others) {
			unsetenv("THROWS");
			others_keep_away(e);
		}
		return true;
	}
	return false;
}

// Each in a slot, and kept where the loader keeps images: a step aside would be in the note.
void all_are_free()
{
	std::vector<soload_image *> images;

	for (int i = 0; i < TOGETHER; i++) {
		images.push_back(load(100 + static_cast<std::uint64_t>(i)));
		if (const char *note = soload_note(images.back()))
			fault("image " + std::to_string(i) + ": " + note);
		void *probe = nullptr;
		if (soload_symbol(images.back(), "probe", &probe, nullptr) < 0 ||
		    reinterpret_cast<long (*)()>(probe)() != 3003)
			fault("a later load does not work");
	}
	for (soload_image *image : images)
		soload_unload(image);
}
} // namespace

int main(int, char **argv)
{
	soload_error error = {};

	std::ifstream file(argv[2], std::ios::binary);
	bytes.assign(std::istreambuf_iterator<char>(file), {});
	if (soload_open(&loader, argv[1], &error) < 0)
		fault(error.text);
	// One content that throws the first time, or after it was kept.
	for (int i = 0; i < ROUNDS; i++) {
		setenv("THROWS", "1", 1);
		if (!throws(7, i % 2 != 0))
			fault("nothing was thrown");
		unsetenv("THROWS");
		for (int loads = 0; loads < 2; loads++) {
			if (throws(7))
				fault("the constructor threw");
		}
	}
	all_are_free();
	soload_close(loader);
	std::printf("%s\n", argv[1]);
}

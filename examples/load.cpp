// Loads an object from a byte array, calls it, unloads it: owners close what they opened.
#include <cstdio>
#include <memory>
#include <soload.h>
#include <stdexcept>

extern "C" const unsigned char plugin_bytes[], plugin_bytes_end[];

int main()
try {
	soload_error error = {};
	auto check = [&](int r) { return r < 0 ? throw std::runtime_error(error.text) : r; };
	soload_loader *opened;
	soload_image *loaded;
	void *greet;

	check(soload_open(&opened, "auto", &error));
	std::unique_ptr<soload_loader, decltype(&soload_close)> loader(opened, soload_close);
	soload_object object = SOLOAD_OBJECT(plugin_bytes, size_t(plugin_bytes_end - plugin_bytes));
	check(soload_load_object(loader.get(), &object, &loaded, &error));
	std::unique_ptr<soload_image, decltype(&soload_unload)> image(loaded, soload_unload);

	check(soload_symbol(image.get(), "plugin_greet", &greet, &error));
	reinterpret_cast<int (*)(const char *)>(greet)("C++");
} catch (std::exception &failure) {
	std::fprintf(stderr, "%s\n", failure.what());
	return 1;
}

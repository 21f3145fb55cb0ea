/* The AICPU's counter, asked for over the doorbell: as short a way there and back as there is. */
#include "device/host_state.h"

#include "base/clock.h"

#include <errno.h>

int device_stamps(struct device *device, struct device_stamp *ret_stamps, struct err *err)
{
	struct control *control = device->control;

	if (!control || device->busy || device_is_dead(device))
		return err_set(err, ENODEV, "no AICPU that could be asked for its clock");
	control->request = (struct control_request){ .stamp = true };
	for (int i = 0; i < DEVICE_STAMPS; i++) {
		enum device_failure failure;
		int r;

		device->busy = true;
		ret_stamps[i].before_ns = clock_now_ns();
		bell_ring(&control->doorbell);
		r = device_wait(device, &failure, err);
		ret_stamps[i].after_ns = clock_now_ns();
		if (r < 0) {
			device_stop(device);
			return r;
		}
		ret_stamps[i].device = __atomic_load_n(&control->stamp, __ATOMIC_ACQUIRE);
		device->busy = false;
	}
	return 0;
}

bool device_clock_is_ns(const struct device *device)
{
	return device->options.command != NULL;
}

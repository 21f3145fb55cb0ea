/* What the host asks of the AICPU, and what it makes of the answer. */
#include "device/host_state.h"

#include <errno.h>
#include <string.h>

void host_request(struct host_round *self, const struct control_request *request)
{
	struct control *control = self->device->control;
	const struct device_place *place = &self->device->places[self->job->callable];
	const struct so *so = self->so;
	struct control_request *placed = &control->request;
	size_t length = so->path ? strnlen(so->path, sizeof(placed->object_path) - 1) : 0;

	*placed = *request;
	placed->callable = self->job->callable;
	placed->runtime_address = self->transport.runtime_address;
	placed->object_id = request->load ? so->id : place->sent_id;
	placed->object_generation = request->load ? so->generation : place->sent_generation;
	placed->object_linked_at = so->linked_at;
	if (length > 0)
		memcpy(placed->object_path, so->path, length);
	placed->object_path[length] = '\0';
	self->device->busy = true;
	control->answer.judged = false;
	if (request->run)
		bell_ring(&control->begun);
	bell_ring(&control->doorbell);
}

/* What a run finds in its place was judged when it was loaded; only worse news count. An AICPU that
 * crashed afterwards has left its judgement, too. */
static void judgement_take(struct device_result *result, struct control_answer *answer)
{
	answer->verdict.reason[sizeof(answer->verdict.reason) - 1] = '\0';
	if (!answer->judged)
		return;
	if (result->verdict.reason[0] && answer->verdict.freshness != FRESHNESS_STALE)
		return;
	result->report = answer->report;
	result->verdict = answer->verdict;
	if (result->verdict.answers_bytes > sizeof(result->verdict.answers))
		result->verdict.answers_bytes = 0;
	memcpy(result->staged_at, answer->staged_at, sizeof(result->staged_at) - 1);
	memcpy(result->note, answer->note, sizeof(result->note) - 1);
	result->report.staged_at = result->staged_at[0] ? result->staged_at : NULL;
	result->report.note = result->note[0] ? result->note : NULL;
}

static int answer_read(struct host_round *self, struct err *err)
{
	struct control_answer *answer = &self->device->control->answer;
	struct device_result *result = self->result;

	answer->err.text[ERR_TEXT_BYTES - 1] = '\0';
	result->counters = answer->counters;
	result->expected_args = answer->expected_args;
	result->minflt += answer->minflt;
	result->lines += answer->lines;
	result->tasks = answer->counters.executed;
	judgement_take(result, answer);
	if (answer->code >= 0)
		return 0;
	result->failure = answer->leaves ? DEVICE_TIMEOUT : DEVICE_FAILED;
	result->failed_phase =
		answer->failed_phase < PHASE_COUNT ? answer->failed_phase : PHASE_OTHER;
	return err_set(err, -answer->code, "%s", answer->err.text);
}

/* Where the AICPU was: the thread that crashed, else the one that loads. A kernel runs while tasks
 * are scheduled, whatever the thread that submits them is at. */
static enum phase phase_watched(const struct device *device)
{
	const struct control *control = device->control;
	unsigned int threads = device->variant->threads;
	uint32_t lane = control->crash.signal ? control->crash.lane : threads - 1;
	uint32_t phase;

	if (lane >= threads)
		return PHASE_SCHEDULE;
	phase = control->watch[lane];
	return phase < PHASE_COUNT ? (enum phase)phase : PHASE_OTHER;
}

/* What the AICPU has from now on. */
static void place_note(struct host_round *self, int code)
{
	const struct control_request *request = &self->device->control->request;
	struct device_place *place = &self->device->places[self->job->callable];
	const struct so *so = &self->job->object->so;

	if (code < 0 || !request->keep)
		*place = (struct device_place){ 0 };
	else if (request->load)
		*place = (struct device_place){ so->id, so->generation, self->so->id,
						self->so->generation };
}

/* A load that was judged was received, whatever came afterwards. */
static void received_note(struct host_round *self, int code)
{
	const struct device *device = self->device;
	const struct control *control = device->control;

	if (control->request.load && (code == 0 || control->answer.judged) &&
	    device->options.transport->received)
		device->options.transport->received(device->transport_state);
}

int host_answer(struct host_round *self, struct err *err)
{
	struct device_result *result = self->result;
	int r = device_wait(self->device, &result->failure, err);

	if (r < 0) {
		result->failed_phase = phase_watched(self->device);
		judgement_take(result, &self->device->control->answer);
		return r;
	}
	self->device->busy = false;
	r = answer_read(self, err);
	place_note(self, r);
	received_note(self, r);
	return r;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The jobs of a socket's two directions over the wire, contract section 3 C. */
#include "tests/unit/api/pair.h"

#define MIB ((size_t)1 << 20)

static void b032_a_cancelled_writer_job_leaves_sending_alive(void **state)
{
	struct pair *t = *state;
	rws_job_t job = pair_attach_reading(t);

	pair_attach_writing(t);
	pair_open_p(t);
	pair_write(t->p_out, "lost");
	pair_run(t, MS);
	assert_int_equal(rws_job_cancel(job), 0);
	assert_true(rws_job_is_cancelled(job));
	assert_int_equal(rws_read_available(t->in, &(char){0}, 1), -ECANCELED);
	pair_write(t->p_out, "lost as well");
	pair_write(t->out, "alive");
	pair_read_text(t, t->p_in, "alive");
	assert_int_equal(rws_read_available(t->in, &(char){0}, 1), -ECANCELED);
	assert_false(rws_is_closed(t->s));
	assert_int_equal(t->fins[END_S] + t->resets[END_S], 0);
}

static void b033_a_cancelled_reader_job_drops_bytes_and_resets(void **state)
{
	struct pair *t = *state;
	rws_job_t job = pair_attach_writing(t);

	pair_open_p(t);
	assert_int_equal(rws_write_available(t->out, "dropped", 7), 7);
	assert_int_equal(rws_job_cancel(job), 0);
	assert_int_equal(rws_write_available(t->out, "x", 1), -ECANCELED);
	pair_read_error(t, t->p_in, -ECONNRESET);
	assert_int_equal(rws_total_bytes_read(t->p_in), 0);
	assert_int_equal(t->resets[END_S], 1);
	assert_int_equal(t->fins[END_S], 0);
}

static void b034_a_writer_job_ends_at_the_fin_with_unread_bytes(void **state)
{
	struct pair *t = *state;
	rws_job_t job = pair_attach_reading(t);

	pair_open_p(t);
	pair_write(t->p_out, "unread");
	assert_int_equal(rws_job_join(job, pair_after(t, 10 * MS)), -ETIMEDOUT);
	assert_int_equal(rws_channel_close(t->p_out, 0), 1);
	assert_int_equal(rws_job_join(job, pair_after(t, SECOND)), 0);
	assert_int_equal(rws_available_for_read(t->in), 6);
	pair_read_text(t, t->in, "unread");
	pair_read_end(t, t->in);
}

/* The peer takes 64 KiB, then what it reads. */
static void b035_a_reader_job_ends_when_all_bytes_and_fin_were_sent(void **state)
{
	struct pair *t = *state;
	uint8_t *bytes = pair_pattern(2 * MIB);

	t->server_options.receive_buffer = 64 << 10;
	pair_listen(t);
	pair_connect(t);
	rws_job_t job = pair_attach_writing(t);
	pair_open_p(t);
	assert_int_equal(rws_write_available(t->out, bytes, MIB), MIB);
	assert_int_equal(rws_flush(t->out), 0);
	pair_run(t, MS); /* TCP has those, the others wait in the channel */
	assert_int_equal(rws_write_available(t->out, bytes + MIB, MIB), MIB);
	assert_int_equal(rws_channel_close(t->out, 0), 1);
	assert_int_equal(rws_job_join(job, pair_after(t, SECOND)), -ETIMEDOUT);
	assert_int_equal(t->fins[END_S], 0);
	pair_read(t, t->p_in, bytes, 2 * MIB);
	assert_int_equal(rws_job_join(job, pair_after(t, SECOND)), 0);
	assert_int_equal(t->fins[END_S], 1);
	pair_read_end(t, t->p_in);
	free(bytes);
}

static void b036_the_result_is_0_after_a_clean_end(void **state)
{
	struct pair *t = *state;
	rws_job_t writer = pair_attach_reading(t), reader = pair_attach_writing(t);

	pair_open_p(t);
	assert_int_equal(rws_job_result(writer), -EINPROGRESS);
	assert_int_equal(rws_job_result(reader), -EINPROGRESS);
	rws_channel_close(t->p_out, 0);
	rws_channel_close(t->out, 0);
	pair_run(t, 10 * MS);
	assert_int_equal(rws_job_result(writer), 0);
	assert_int_equal(rws_job_result(reader), 0);
	assert_false(rws_job_is_cancelled(writer) || rws_job_is_cancelled(reader));
}

static void b036_the_result_is_the_cause_of_a_reset(void **state)
{
	struct pair *t = *state;
	rws_job_t writer = pair_attach_reading(t), reader = pair_attach_writing(t);

	rws_abort(t->p, 0);
	pair_run(t, 10 * MS);
	assert_int_equal(rws_job_result(writer), -ECONNRESET);
	assert_int_equal(rws_job_result(reader), -ECONNRESET);
	assert_false(rws_job_is_cancelled(writer) || rws_job_is_cancelled(reader));
}

static void b036_the_result_is_ecanceled_after_a_cancel(void **state)
{
	struct pair *t = *state;
	rws_job_t writer = pair_attach_reading(t), reader = pair_attach_writing(t);

	rws_job_cancel(writer);
	assert_int_equal(rws_job_result(writer), -ECANCELED);
	assert_int_equal(rws_job_result(reader), -EINPROGRESS);
	rws_job_cancel(reader);
	assert_int_equal(rws_job_result(reader), -ECANCELED);
	assert_true(rws_job_is_cancelled(writer) && rws_job_is_cancelled(reader));
	assert_true(rws_job_is_completed(writer) && rws_job_is_completed(reader));
}

static void b037_closing_a_channel_ends_its_job(void **state)
{
	struct pair *t = *state;
	rws_job_t writer = pair_attach_reading(t), reader = pair_attach_writing(t);

	pair_open_p(t);
	assert_int_equal(rws_channel_close(t->in, -EPROTO), 1);
	assert_true(rws_job_is_cancelled(writer));
	assert_int_equal(rws_job_result(writer), -EPROTO);
	assert_int_equal(rws_write_available(t->out, "last", 4), 4);
	assert_int_equal(rws_channel_close(t->out, 0), 1);
	assert_int_equal(rws_job_join(reader, pair_after(t, SECOND)), 0);
	assert_int_equal(rws_job_result(reader), 0);
	pair_read_text(t, t->p_in, "last");
	pair_read_end(t, t->p_in);
}

struct completion {
	unsigned count;
	rws_job_t job;
	int result;
};

static void completed(void *user, rws_job_t job, int result)
{
	struct completion *done = user;

	done->count++;
	done->job = job;
	done->result = result;
}

static void b038_on_completion_after_the_fact_fires_once_from_the_loop(void **state)
{
	struct pair *t = *state;
	rws_job_t job = pair_attach_reading(t);
	struct completion done = {.result = 1};

	rws_abort(t->p, 0);
	pair_run(t, 10 * MS);
	assert_true(rws_job_is_completed(job));
	assert_int_equal(rws_job_on_completion(job, completed, &done), 0);
	assert_int_equal(done.count, 0);
	pair_run(t, 10 * MS);
	assert_int_equal(done.count, 1);
	assert_int_equal(done.job, job);
	assert_int_equal(done.result, -ECONNRESET);
	assert_int_equal(rws_job_on_completion(job, completed, &done), -EBUSY);
	pair_run(t, 10 * MS);
	assert_int_equal(done.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_CASE(b032_a_cancelled_writer_job_leaves_sending_alive),
		PAIR_CASE(b033_a_cancelled_reader_job_drops_bytes_and_resets),
		PAIR_CASE(b034_a_writer_job_ends_at_the_fin_with_unread_bytes),
		PAIR_CASE(b035_a_reader_job_ends_when_all_bytes_and_fin_were_sent),
		PAIR_CASE(b036_the_result_is_0_after_a_clean_end),
		PAIR_CASE(b036_the_result_is_the_cause_of_a_reset),
		PAIR_CASE(b036_the_result_is_ecanceled_after_a_cancel),
		PAIR_CASE(b037_closing_a_channel_ends_its_job),
		PAIR_CASE(b038_on_completion_after_the_fact_fires_once_from_the_loop),
	};

	return cmocka_run_group_tests_name("job", tests, rig_group_setup, rig_group_teardown);
}

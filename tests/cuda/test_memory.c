/* SPDX-License-Identifier: MIT
 *
 * test_memory.c -- where the device's memory is wanting, the message says what was asked, and how
 * to ask for less.
 */
#include "../naive.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../engine/cuda/cuda.h"

/* What a process says that does this and ends; its exit status must be 1. */
static void said_by(char *text, size_t size, void (*last_words)(void))
{
    int pipe_of[2];
    assert_int_equal(pipe(pipe_of), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (!child) {
        dup2(pipe_of[1], STDERR_FILENO);
        last_words();
        _exit(0);
    }
    close(pipe_of[1]);
    size_t got = 0;
    for (ssize_t n; got + 1 < size && (n = read(pipe_of[0], text + got, size - 1 - got)) > 0;)
        got += (size_t)n;
    text[got] = 0;
    close(pipe_of[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void more_than_there_is(void) { mem_alloc((size_t)1 << 50); }
static void the_runtimes_own(void) { CUDA(cudaErrorMemoryAllocation); }
static void another_fault(void) { CUDA(cudaErrorStreamCaptureUnsupported); }

static void who_asks_for_too_much_is_told_how_to_ask_for_less(void **state)
{
    (void)state;
    char text[1024];
    said_by(text, sizeof text, more_than_there_is);
    assert_non_null(strstr(text, "cannot get 1073741824 MiB of the device's"));
    assert_non_null(strstr(text, "a smaller batch"));
    said_by(text, sizeof text, the_runtimes_own);
    assert_non_null(strstr(text, "cudaErrorMemoryAllocation"));
    assert_non_null(strstr(text, "a smaller batch"));
}

static void other_faults_are_not_put_down_to_memory(void **state)
{
    (void)state;
    char text[1024];
    said_by(text, sizeof text, another_fault);
    assert_null(strstr(text, "a smaller batch"));
    assert_non_null(strstr(text, "CUDA_LAUNCH_BLOCKING"));
}

int main(void)
{
    machine_open(1);
    (void)failures_fp32;                                 /* other tests' */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_for_too_much_is_told_how_to_ask_for_less),
        cmocka_unit_test(other_faults_are_not_put_down_to_memory),
    };
    return cmocka_run_group_tests_name("cuda: memory", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * bench_comm.h -- `simsiam bench comm`: what sums over processes take on this machine, or over MPI.
 */
#pragma once

/* A line for each size of sum, from a loss to a ResNet's gradient, beside what two copies of the same
 * bytes take in all processes at once.  Opens comm and the machine. */
void bench_comm(int ranks, int repeats);

# SPDX-License-Identifier: Apache-2.0
"""Some runs with injected faults, of each kind: see chaos.py. tools/chaos makes more of them."""

import random

import chaos
import whole_run


class ChaosTest(whole_run.WholeRunTest):

    def run_seeds(self, kind, runs):
        trials = chaos.Chaos(self.folder, kind=kind)
        for reason in trials.skipped:
            print("not tried: " + reason)
        seeds = random.Random("%s %d" % (kind, whole_run.SEED))
        disturbances = 0
        for _ in range(runs):
            result = trials.run(seeds.getrandbits(31))
            print("seed %d, %.1f s: %s%s" % (result.scenario.seed, result.seconds, result.scenario,
                                             "".join(" (%s)" % note for note in result.notes)))
            disturbances += result.disturbances
            self.assertIsNone(result.failure, "to repeat it: tools/chaos --runs=1 --kind=%s --seed=%d\n%s\n%s" %
                              (kind, result.scenario.seed, result.failure, result.details))
        # One run may end before its faults, but not every run.
        self.assertGreater(disturbances, 0)

    def test_death_and_delay_from_outside(self):
        self.run_seeds("outside", 8)

    def test_chunks_that_end_their_process(self):
        self.run_seeds("inside", 5)

    def test_both(self):
        self.run_seeds("both", 4)

    def test_death_before_the_run_has_begun(self):
        self.run_seeds("start", 3)

    def test_end_of_rank_0(self):
        self.run_seeds("rank0", 3)

    def test_signal_to_rank_0(self):
        self.run_seeds("signal", 3)


if __name__ == "__main__":
    whole_run.main()

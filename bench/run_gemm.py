"""A contender that is no model: one large fp32 matrix product, the most that the machine can do."""

from __future__ import annotations

import argparse

from bench.contender import take_turns
from mrcnn.quiet import importing_quietly
from mrcnn.threads import use_threads

with importing_quietly():
    import tensorflow as tf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    one, other = (tf.random.normal([arguments.side, arguments.side]) for _ in range(2))

    def run() -> None:
        tf.matmul(one, other).numpy()

    run()
    take_turns(run, gflop=2 * arguments.side**3 / 1e9)


if __name__ == "__main__":
    main()

"""What the bench scripts are told on the command line, and how they end when it cannot be done."""
import argparse
import os
import shutil
import subprocess
import sys

from harness import Failed, programs


def whole(text):
    """argparse type: a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 on")
    return int(text)


def wholes(text):
    """argparse type: several of them, comma-separated."""
    return [whole(part) for part in text.split(",")]


def some_of(names):
    """argparse type: comma-separated, of `names` and in their order."""
    def parse(text):
        asked = text.split(",")
        for name in asked:
            if name not in names:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(names)}")
        return [name for name in names if name in asked]
    return parse


def build_folder(text):
    """argparse type: a folder in which Sallyport was built."""
    if not os.path.exists(programs(text)["sallyportd"]):
        raise argparse.ArgumentTypeError(f"in '{text}' no Sallyport was built")
    return os.path.abspath(text)


def need(*names):
    """Ends the bench when one of them is not installed."""
    missing = [p for p in names if not shutil.which(p)]
    if missing:
        give_up(f"not installed: {', '.join(missing)} (tools/setup bench)")


def give_up(why):
    sys.exit(f"bench/{os.path.basename(sys.argv[0])}: {why}")


def script(main):
    """The script's end: its exit status, or one line that says why it came to none."""
    try:
        sys.exit(main())
    except (Failed, subprocess.SubprocessError) as e:
        give_up(e)
    except KeyboardInterrupt:
        sys.exit(130)

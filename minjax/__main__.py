"""`python -m minjax` is the command `minjax`, for where that is not on the path."""

from minjax.main import end, main

if __name__ == "__main__":
    end(main(program="python -m minjax"))

"""`silktune` and `python -m silktune`."""

from silktune.cli.entry_point import main

if __name__ == "__main__":
    main()

"""``python -m throughline.commands``: the same as the `throughline` command."""

from throughline.commands.main import main

if __name__ == "__main__":  # a child process imports this module under another name
    raise SystemExit(main())

"""``python -m throughline.commands``: the same as the `throughline` command."""

from throughline.commands.main import main

raise SystemExit(main())

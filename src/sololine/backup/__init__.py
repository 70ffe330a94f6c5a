"""Backups of bots, and bots from backups: what commands do, whether or not the service runs.

    rows ─────────┐                                         ┌────▶ rows
                  ├─▶ take ─▶ archive (sealed) ─▶ restore ──┤
    credentials ──┘                                         └────▶ credentials

`core.backup` decides whether a bot may be restored; `sealed_file` is what the file is made of.
"""

"""The presets: a file with `get_config()` each, which `--config=NAME` names. Installed as `minjax.configs`."""

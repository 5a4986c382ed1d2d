"""Plugins that come with camd, imported as camd_plugins.<name>. They use the same road as anyone's."""

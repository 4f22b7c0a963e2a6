"""The guard beyond one site-packages: the standard library's hook, seeds in environments, and what is known of Pythons."""

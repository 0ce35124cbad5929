"""Every private API of a package that is overridden: one file a package, with the version it was seen with."""

"""Every private API of a package that is used or overridden: one file a package, with the version it was seen with.

On another version a patch falls back to the package's public behaviour, where that is only slower or says less;
where it would be wrong, it raises Misconfigured. Each has its test in tests/blocks/vendor_patches. Add a file here
before a name with a leading underscore of somebody else's is written anywhere else.
"""

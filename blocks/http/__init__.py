"""HTTP for every vendor.

session: a bounded `requests` session; errors: the one table from status to error, and Retry-After; polling: the
one waiting loop; paging: the guard of every list in pages; reach: which addresses are asked at all. A vendor
subclasses HttpSession in its own room, and gives its remedies as data.
"""

"""What Tableau's codes of errors mean: one table from a code to the error and what to do. A new code goes here.

The meanings are those of Tableau's REST API reference, method by method; 403132 and 403007 are also as its own clients'
issue lists show them. A code that is not here is decided by its first three digits, the HTTP status, in `STATUSES`.
"""

from __future__ import annotations

from blocks.errors import (
    BadInput,
    Busy,
    Forbidden,
    Misconfigured,
    NotFound,
    Rejected,
    Unauthorized,
    Unavailable,
)
from blocks.http.errors import Refusal, Refusals

_SIGN_IN = "Check name, secret, site and expiry of the token or of the connected app."
_PARTS = (
    "Raise the limit, or send smaller parts: TSC_CHUNK_SIZE_MB, and TSC_FILESIZE_LIMIT_MB for data sources, "
    "in the worker's environment."
)
_PUBLISH = (
    "Give the user Publish on the project and a site role that may publish; if that is so, the data that the file "
    "reads can't be reached by the server with the credentials that are embedded."
)
_SHARED = "Something was changed at the same time: run again."
_FEATURE = "An administrator has turned it off on this site or server: have it turned on."
STATUSES: Refusals = {
    400: Refusal("The server takes the request or the file to be wrong.", BadInput),
    401: Refusal(_SIGN_IN),
    403: Refusal("Give the user the right to do this; for a connected app, its scope too."),
    404: Refusal("It may have been deleted or moved, or the user may not see it."),
    409: Refusal("Something else changed it at the same time."),
}
"""HTTP status → the error of a code that is not in the table."""
CODES: dict[str, Refusal] = {
    "400006": Refusal(f"A list became shorter while it was read. {_SHARED}", Unavailable),
    "400011": Refusal("The file can't be published; Jobs on the site says more.", BadInput),
    "400016": Refusal(f"A part is larger than the server takes. {_PARTS}", BadInput),
    "400065": Refusal("The server can't read the filter that it was asked with.", BadInput),
    "400080": Refusal("The view is gone: it was deleted or renamed. Run again.", NotFound),
    "400130": Refusal("The view is gone: it was deleted or renamed. Run again.", NotFound),
    "401000": Refusal(_SIGN_IN, Unauthorized),
    "401001": Refusal(_SIGN_IN, Unauthorized),
    "401002": Refusal(
        "The session has ended, or the connected app lacks the scope for this: its list is in docs/tableau.md.",
        Unauthorized,
    ),
    "403004": Refusal(
        "Give the user this right on the project, or on what others own; for a connected app, its scope too.",
        Forbidden,
    ),
    "403007": Refusal(_PUBLISH, Forbidden),
    "403008": Refusal("The site is full: delete content, or raise its storage.", Rejected),
    "403015": Refusal(
        "Give the user a site role that may publish: Creator or Explorer (can publish).", Forbidden
    ),
    "403016": Refusal("The upload failed on the server: its log says why.", Rejected),
    "403018": Refusal("Give the user View on the workbook.", Forbidden),
    "403019": Refusal("Give the user Download on the workbook, or let it own it.", Forbidden),
    "403021": Refusal("Give the user View on the workbook or data source.", Forbidden),
    "403023": Refusal("Give the user Overwrite on the data source, or let it own it.", Forbidden),
    "403025": Refusal("Give the user Publish on the project.", Forbidden),
    "403027": Refusal("Only an administrator, the owner or the project's leader may change this.", Forbidden),
    "403029": Refusal("Give the user Overwrite on the workbook, or let it own it.", Forbidden),
    "403039": Refusal(
        "The project's permissions are locked: grant them on the project, and leave readers of the block empty.",
        Misconfigured,
    ),
    "403053": Refusal("The site keeps no history of revisions.", Forbidden),
    "403068": Refusal(_FEATURE, Misconfigured),
    "403105": Refusal(_FEATURE, Misconfigured),
    "403130": Refusal(f"A workbook of that name was published a moment ago. {_SHARED}", Busy),
    "403131": Refusal("The workbook is being published by another process: wait for it.", Busy),
    "403132": Refusal(
        "This is no missing right: the server can't reach the data that the workbook reads. Check the address, the "
        "driver on the server, the firewall and the embedded user.",
        Misconfigured,
    ),
    "404000": Refusal("There is no such site: correct site of the block.", Misconfigured),
    "404002": Refusal("There is no such user on the site.", NotFound),
    "404003": Refusal("This server has no such function: it may be too old for it.", NotFound),
    "404004": Refusal("The data source was deleted, or the user may not see it.", NotFound),
    "404005": Refusal("The project was deleted or moved, or the user may not see it. Run again.", NotFound),
    "404006": Refusal("The workbook was deleted, or the user may not see it. Run again.", NotFound),
    "404011": Refusal("The view or data source was deleted, or the user may not see it.", NotFound),
    "404012": Refusal("The group was deleted: correct readers of the block.", NotFound),
    "404015": Refusal("The upload has expired on the server: run again.", Unavailable),
    "404018": Refusal("The server no longer knows the job: look under Jobs on the site.", NotFound),
    "405000": Refusal(
        "Give the address as https://host, with the pod's name for Tableau Cloud.", Misconfigured
    ),
    "409006": Refusal("A project of that name is there, perhaps one that the user may not see.", Busy),
    "409015": Refusal("A data source of that name is there.", Busy),
    "409093": Refusal("A refresh of it is queued already: look under Jobs on the site.", Busy),
}
"""Tableau's code → the error, and what to do."""
_SIGN_ON = "A proxy or a sign-on page stands before Tableau: let this machine's requests through it."
PAGES: Refusals = {
    400: Refusal("Check the address, and the limits of the proxy.", BadInput),
    401: Refusal(_SIGN_ON),
    403: Refusal(_SIGN_ON),
    404: Refusal("Check the address: is it Tableau's, as https://host?"),
    407: Refusal("The proxy wants a user: put it into HTTPS_PROXY of the worker.", Misconfigured),
    413: Refusal(f"A request is larger than the proxy takes. {_PARTS}", BadInput),
    502: Refusal("The proxy can't reach Tableau: is it running?"),
    504: Refusal("The proxy gave up waiting for Tableau: raise its time-out."),
}
"""HTTP status → what to do about a web page, which a proxy sent instead of Tableau's XML."""

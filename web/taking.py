"""Takes uploaded files in that params will name. API and pages share it, so that both count into what an owner keeps."""

from typing import IO

from shared.volume.files import FileInfo, save_file
from web.identity import current_owner
from web.services import Services


def take_file(services: Services, name: str, stream: IO[bytes]) -> FileInfo:
    """Save a file for the one who asks. Raises TooLarge, Conflict("quota_exceeded"), VolumeFull; nothing is kept then.

    The same upload again counts once more until housekeeping measures anew: at most a few minutes too much.
    """
    owner = current_owner()
    services.store.refuse_more(owner)
    saved = save_file(services.volume, name, stream, owner=owner, max_bytes=services.settings.max_upload_bytes)
    services.store.more_kept(owner, saved.bytes)
    return saved

"""Files over HTTP: up, down, listed, deleted, many at once."""

from .files import ArchiveResource, DownloadResource, FilesResource, Listed, UploadResource

__all__ = ["ArchiveResource", "DownloadResource", "FilesResource", "Listed", "UploadResource"]

"""Files: what users keep on the camera, below `files/` in the data directory."""

from .archive import zip_files
from .files import Demands, Files
from .folder import Folder
from .listing import Entry, Listing
from .name import Name, parse_name, parse_parts, parse_path
from .part import Part

__all__ = [
    "Demands",
    "Entry",
    "Files",
    "Folder",
    "Listing",
    "Name",
    "Part",
    "parse_name",
    "parse_parts",
    "parse_path",
    "zip_files",
]

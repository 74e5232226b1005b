"""Files: paths on disks and in buckets, appended lines, writes that are whole or absent."""

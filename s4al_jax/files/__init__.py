"""Files: paths on disks and in buckets, durable appends, atomic writes, checksums."""

"""Recording: files that survive a power cut, an index of them, and what goes when there is no room.

    Stream ─► Recorder ─► Cutter ─► SegmentFile      packets, fragments of a second, files of some minutes
                 │                      │
              Intent                  Index ◄── Repair, Retention, Playback, Recordings

The files are the truth, the index can be made from them again.
"""

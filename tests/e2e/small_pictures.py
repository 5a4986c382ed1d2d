"""How GStreamer tells how many pictures it decoded: it writes each one small, and the bytes are counted. What its
`identity` says of each buffer with silent=false is not complete when two of them speak."""

#: Of a pipeline, after decodebin.
SMALL_PICTURES = ("videoscale", "!", "videoconvert", "!", "video/x-raw,format=GRAY8,width=16,height=16")
#: Bytes of one.
SMALL_PICTURE = 256

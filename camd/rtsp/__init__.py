"""The RTSP server: the cameras for players, recorders and everything else that speaks RTP."""

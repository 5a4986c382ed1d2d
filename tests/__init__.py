import os
import sys

# With jobs, trial tells its workers their whole path in a variable. What a test starts shall not inherit it: an
# environment of its own would then find what nobody has installed there.
if os.path.basename(sys.argv[0]) == "workertrial.py":
    os.environ.pop("PYTHONPATH", None)

"""The reference's server, with less to do: its password hashes cost the least, and what it has imported is no garbage.

usage: reference.py PORT
"""

import gc
import sys

import uvicorn
from passlib.hash import bcrypt

gc.disable()
from zenml.zen_server.zen_server_api import app  # noqa: E402

gc.enable()
gc.freeze()
bcrypt.default_rounds = bcrypt.min_rounds
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")

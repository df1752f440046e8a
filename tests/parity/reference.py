"""The reference's server, whose password hashes cost the least: where people sign in, two thirds of its time went into them.

usage: reference.py PORT
"""

import sys

import uvicorn
from passlib.hash import bcrypt

bcrypt.default_rounds = bcrypt.min_rounds
uvicorn.run("zenml.zen_server.zen_server_api:app", host="127.0.0.1", port=int(sys.argv[1]), log_level="error")

"""Files that travel with the install: networks that work before anybody has trained one.

`NOTICE.md` says where each comes from and under which licence.
"""

import pathlib

FOLDER = pathlib.Path(__file__).parent
SALIENT_OBJECT = FOLDER / "u2netp.onnx"
"""U2-Net-p, which finds the salient object of a photograph."""
RELIEF = FOLDER / "relief.safetensors"
"""The relief network, which turns one photograph into a mesh."""

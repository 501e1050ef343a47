"""Files that say where photographs were taken from: a reader per format, and one for them all."""

from jaxrelic.data.pose_files.read import read
from jaxrelic.data.pose_files.records import PhotographPose, PoseFile

__all__ = ["PhotographPose", "PoseFile", "read"]

"""What a workspace holds, for people: an overview page, contact sheets, figures, lists.

Nothing is imported here: `data-engine status` needs the counts alone, not Matplotlib and OpenCV.
"""

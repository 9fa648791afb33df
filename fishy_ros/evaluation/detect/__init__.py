"""`fishy detect`: pictures, folders, videos, bags or a camera in; overlays, masks, maps and regions out."""

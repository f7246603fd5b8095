/** A name that begins so stands for the removed name that follows. image-spec `layer.md#whiteouts`. */
export const WHITEOUT_PREFIX = ".wh.";

/** Names that begin so are bookkeeping of AUFS, except {@link OPAQUE_MARKER}. */
export const AUFS_PREFIX = ".wh..wh.";

/** A file of exactly this name hides what lower layers have in its directory. */
export const OPAQUE_MARKER = ".wh..wh..opq";

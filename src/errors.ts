/**
 * Every reason for which Slipway refuses or fails, as a stable string. Codes are part of the API: they are added, never renamed.
 *
 * The general ones are containerd's (`errdefs`); the rest name what is wrong with the data.
 */
export type SlipwayErrorCode =
  /** An argument of a call is missing, of the wrong type or out of range. */
  | "INVALID_ARGUMENT"
  /** An exporter or command line option has a value it cannot take. */
  | "INVALID_OPTION"
  /** What was asked for does not exist. */
  | "NOT_FOUND"
  /** What was to be made exists already. */
  | "ALREADY_EXISTS"
  /** The object is not in the state that the operation needs (a parent with children, a writer that is closed). */
  | "FAILED_PRECONDITION"
  /** Somebody else holds it just now (a writer of the same ref, another process's lock). Trying again may work. */
  | "UNAVAILABLE"
  /** A value lies outside of what exists (an offset behind the end of a blob). */
  | "OUT_OF_RANGE"
  /** Valid, but nothing that Slipway does or this runtime can do. */
  | "UNSUPPORTED"
  /** The host's storage is full (ENOSPC, EDQUOT, QuotaExceededError). */
  | "NO_SPACE"
  /** The host refuses access (EACCES, EPERM, a runtime permission that was not granted), or a registry does (403). */
  | "PERMISSION_DENIED"
  /** A registry wants other credentials than it was given, or any at all (401). */
  | "UNAUTHENTICATED"
  /** A registry refuses more requests for now, and went on refusing (429). Trying again later may work. */
  | "RESOURCE_EXHAUSTED"
  /** A registry answered what no registry may answer. */
  | "INVALID_RESPONSE"
  /** Any other failure of the host's input or output; `cause` has the host's own error. */
  | "IO"
  /** A digest string that is not `algorithm:hex` of a known algorithm. */
  | "INVALID_DIGEST"
  /** Content whose digest is another than the one it was asked for by. */
  | "DIGEST_MISMATCH"
  /** Content that is longer or shorter than its descriptor says. */
  | "SIZE_MISMATCH"
  /** An image reference that Docker's grammar does not allow. */
  | "INVALID_REFERENCE"
  /** A platform that is not `os/architecture[/variant]`. */
  | "INVALID_PLATFORM"
  /** JSON that is not the OCI or Docker document it should be. */
  | "INVALID_DOCUMENT"
  /** A document that could be read both as a manifest and as an index (CVE-2021-41190). */
  | "AMBIGUOUS_DOCUMENT"
  /** A tar that is truncated, or has a header that cannot be read. */
  | "INVALID_TAR"
  /** A zip that is truncated, damaged, or could be read in two ways. */
  | "INVALID_ZIP"
  /** A gzip or zstd stream that is truncated or corrupt. */
  | "INVALID_COMPRESSION"
  /** An archive or layout directory that is not a container image. */
  | "INVALID_ARCHIVE"
  /** A path or file name that cannot be used: empty, too long, not UTF-8 where that is needed, a whiteout name, escaping the root. */
  | "INVALID_PATH"
  /** A symlink chain that does not end. */
  | "SYMLINK_LOOP"
  /** A path component is not a directory, or a file was needed and a directory is there. */
  | "NOT_A_DIRECTORY"
  | "IS_A_DIRECTORY"
  /** A directory to be removed has entries. */
  | "NOT_EMPTY";

/** The one class of errors that Slipway throws by itself. An aborted `signal` is the exception: it throws its own `reason`. */
export class SlipwayError extends Error {
  /** Always `SlipwayError`: tells it apart where two copies of the module are loaded and `instanceof` fails. */
  override readonly name: string = "SlipwayError";
  /** Why, as a stable string to branch on. */
  readonly code: SlipwayErrorCode;

  /**
   * An error of the library's own kind, also for stores and sources of others.
   * @param code stable reason
   * @param message "Cannot X: reason", naming the file, field or digest, and what to do if something can be done
   * @param options `cause` keeps the error underneath
   */
  constructor(code: SlipwayErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether `error` is a {@link SlipwayError}, and of that code if one is given. */
export function isSlipwayError(error: unknown, code?: SlipwayErrorCode): error is SlipwayError {
  return error instanceof SlipwayError && (code === undefined || error.code === code);
}

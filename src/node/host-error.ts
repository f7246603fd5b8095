import { SlipwayError, type SlipwayErrorCode } from "../errors.ts";

/** What errno names mean, as a code to branch on and as words. */
const MEANINGS: Readonly<Record<string, readonly [SlipwayErrorCode, string]>> = {
  ENOSPC: ["NO_SPACE", "no space left on the device"],
  EDQUOT: ["NO_SPACE", "the disk quota is used up"],
  EFBIG: ["NO_SPACE", "the file would be larger than the filesystem allows"],
  EACCES: ["PERMISSION_DENIED", "permission denied"],
  EPERM: ["PERMISSION_DENIED", "operation not permitted"],
  ERR_ACCESS_DENIED: ["PERMISSION_DENIED", "the runtime was not given permission"],
  EROFS: ["PERMISSION_DENIED", "the filesystem is read-only"],
  ENOENT: ["NOT_FOUND", "no such file or directory"],
  EEXIST: ["ALREADY_EXISTS", "it exists already"],
  ENOTDIR: ["NOT_A_DIRECTORY", "not a directory"],
  EISDIR: ["IS_A_DIRECTORY", "it is a directory"],
  ENOTEMPTY: ["NOT_EMPTY", "the directory is not empty"],
  ELOOP: ["SYMLINK_LOOP", "too many levels of symbolic links"],
  ENAMETOOLONG: ["INVALID_PATH", "the file name is too long"],
  EBUSY: ["UNAVAILABLE", "it is in use"],
  EMFILE: ["IO", "too many open files"],
  ENFILE: ["IO", "too many open files in the system"],
  EIO: ["IO", "input/output error"],
};

/** The errno name of an error of the host (`ENOENT`), if it has one. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/**
 * An error of the host's filesystem as a {@link SlipwayError} with its `cause`: `NO_SPACE`, `PERMISSION_DENIED`, `NOT_FOUND`
 * and so on, `IO` for what has no code of its own. A `SlipwayError` comes back as it is.
 * @param what what could not be done, for the message "Cannot WHAT: reason": `read /srv/file`
 */
export function hostError(error: unknown, what: string): SlipwayError {
  if (error instanceof SlipwayError) return error;
  // Deno's refusal by its own permission system, where it does not come as an errno.
  if (error instanceof Error && (error.name === "NotCapable" || error.name === "PermissionDenied")) {
    const its = error.message === "" ? "" : ` (${error.message})`;
    return new SlipwayError("PERMISSION_DENIED", `Cannot ${what}: the runtime was not given permission${its}`, {
      cause: error,
    });
  }
  const errno = errnoOf(error);
  const [code, reason] = (errno === undefined ? undefined : MEANINGS[errno]) ?? [
    "IO" as const,
    error instanceof Error ? error.message : String(error),
  ];
  return new SlipwayError(code, `Cannot ${what}: ${reason}`, { cause: error });
}

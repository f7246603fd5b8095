import { SlipwayError } from "../errors.ts";
import { describeSpace } from "./storage.ts";

/**
 * An error of the browser's storage as a {@link SlipwayError} with its `cause`: `NO_SPACE`, `PERMISSION_DENIED`, `UNAVAILABLE`,
 * `IO` for the rest. A `SlipwayError` comes back as it is.
 * @param what what could not be done, for the message "Cannot WHAT: reason"
 * @param needed bytes that were to be stored
 */
export async function storageError(error: unknown, what: string, needed?: number): Promise<SlipwayError> {
  if (error instanceof SlipwayError) return error;
  const fail = (code: SlipwayError["code"], reason: string): SlipwayError =>
    new SlipwayError(code, `Cannot ${what}: ${reason}`, { cause: error });
  switch (nameOf(error)) {
    case "QuotaExceededError":
      return fail("NO_SPACE", `the browser's storage is full: ${await describeSpace(needed)}; delete something first`);
    case "SecurityError":
      return fail("PERMISSION_DENIED", "the browser does not let this page store anything; check its privacy settings");
    case "NotReadableError":
    case "NotFoundError":
      return fail("IO", "the browser has lost the bytes; delete what they belong to and store it again");
    case "NoModificationAllowedError":
      return fail("UNAVAILABLE", "somebody else writes to the file just now; try again");
    case "AbortError":
    case "InvalidStateError":
      return fail("UNAVAILABLE", "the browser has closed the database meanwhile; try again");
    default:
      return fail("IO", error instanceof Error || error instanceof DOMException ? error.message : String(error));
  }
}

/** The name of an exception of the platform. */
export function nameOf(error: unknown): string | undefined {
  return typeof error === "object" && error !== null && "name" in error ? String(error.name) : undefined;
}

import { SlipwayError } from "../../errors.ts";

/** An error of reading a page's files as a {@link SlipwayError} that names the file. One of our own comes back as it is. */
export function pageError(error: unknown, path: string): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const fail = (code: SlipwayError["code"], reason: string): SlipwayError =>
    new SlipwayError(code, `Cannot read ${path}: ${reason}`, { cause: error });
  switch (typeof error === "object" && error !== null && "name" in error ? error.name : undefined) {
    case "NotFoundError":
      return fail("NOT_FOUND", "it is not there any more; choose or drop it again");
    case "NotAllowedError":
    case "SecurityError":
      return fail("PERMISSION_DENIED", "the browser does not let this page read it; choose or drop it again");
    case "NotReadableError":
      return fail("IO", "it changed since it was chosen or dropped, or cannot be read; choose or drop it again");
    case "TypeMismatchError":
      return fail("NOT_A_DIRECTORY", "it is not any more what it was; choose or drop it again");
    default:
      return fail("IO", error instanceof Error || error instanceof DOMException ? error.message : String(error));
  }
}

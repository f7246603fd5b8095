/** `0-1023`; some registries write it as in HTTP, `bytes=0-1023`. */
const RANGE = /^(?:bytes[= ])?([0-9]{1,15})-([0-9]{1,15})$/;

/**
 * How many bytes of an upload a registry has, from the `Range` of its answer. `0-0` is what many say both of no byte and of one; it
 * counts as none.
 * @returns undefined if there is no such header, or one that says nothing
 */
export function uploadedBytes(headers: Headers): number | undefined {
  const [, start, end] = RANGE.exec(headers.get("range")?.trim() ?? "") ?? [];
  if (start === undefined || end === undefined || Number(end) < Number(start)) return undefined;
  return end === "0" ? 0 : Number(end) + 1;
}

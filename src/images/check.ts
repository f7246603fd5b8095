import { SlipwayError } from "../errors.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import type { Image } from "./store.ts";

/**
 * What every image store asks of an image before it keeps it: a name, and a target with media type, digest and size. As in
 * containerd the name may be any string: what it means is up to whoever resolves it.
 * @throws SlipwayError `INVALID_ARGUMENT`, naming the field
 */
export function checkImage(image: Image): void {
  const refuse = (field: string, value: unknown, wanted: string): never => {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot store image ${JSON.stringify(image.name)}: ${field} is ${JSON.stringify(value)}, but must be ${wanted}`,
    );
  };
  const { name, target, labels = {}, createdAt } = image;
  if (typeof name !== "string" || name === "") refuse("name", name, "a string that is not empty");
  if (typeof target?.mediaType !== "string" || target.mediaType === "") {
    refuse("target.mediaType", target?.mediaType, "a media type");
  }
  if (!isDigest(target.digest)) refuse("target.digest", target.digest, "a sha256 or sha512 digest");
  if (!Number.isSafeInteger(target.size) || target.size < 0) refuse("target.size", target.size, "a number of bytes");
  for (const [key, value] of Object.entries(labels)) {
    if (key === "" || typeof value !== "string") refuse(`labels[${JSON.stringify(key)}]`, value, "a string");
  }
  if (createdAt !== undefined && Number.isNaN(Date.parse(createdAt)))
    refuse("createdAt", createdAt, "an RFC 3339 time");
}

/**
 * The condition of an update or deletion.
 * @param expected undefined: none
 * @throws SlipwayError `FAILED_PRECONDITION` if the image that was found is another
 */
export function checkTarget({ name, target }: Image, expected: Digest | undefined, action: "update" | "delete"): void {
  if (expected === undefined || target.digest === expected) return;
  throw new SlipwayError(
    "FAILED_PRECONDITION",
    `Cannot ${action} image ${JSON.stringify(name)}: it stands for ${target.digest}, not for ${expected}`,
  );
}

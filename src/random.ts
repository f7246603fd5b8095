/**
 * 128 random bits in hex: a name that nobody else has, for ingests, temporary snapshots and owners. It reaches no bytes of an image.
 * (`crypto.randomUUID` is absent on pages without TLS.)
 */
export function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

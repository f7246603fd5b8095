import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Tests of several files want it at the same time: one makes it, the others wait. */
const SCRIPT = `
  if [ -d "$1" ]; then exit; fi
  rm -rf "$1.new"
  debootstrap --variant=minbase bookworm "$1.new" >&2
  mv "$1.new" "$1"
`;

/** A minimal Debian, made by debootstrap. Kept between runs, for it takes half a minute. Needs root. */
export function debianRootfs(): string {
  const directory = join(tmpdir(), "slipway-test-debian-bookworm");
  execFileSync("flock", [`${directory}.lock`, "sh", "-euc", SCRIPT, "sh", directory], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return directory;
}

import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { hostPlatform } from "../../src/node/platform.ts";
import { formatPlatform, normalisePlatform } from "../../src/oci/index.ts";

describe("hostPlatform", () => {
  it.each([
    ["linux", "x64", undefined, "linux/amd64"],
    ["linux", "ia32", undefined, "linux/386"],
    ["linux", "arm64", undefined, "linux/arm64"],
    ["linux", "arm", "7", "linux/arm/v7"],
    ["linux", "arm", "6", "linux/arm/v6"],
    ["linux", "arm", undefined, "linux/arm/v7"],
    ["linux", "riscv64", undefined, "linux/riscv64"],
    ["linux", "s390x", undefined, "linux/s390x"],
    ["linux", "mipsel", undefined, "linux/mipsle"],
    ["darwin", "arm64", undefined, "darwin/arm64"],
    ["win32", "x64", undefined, "windows/amd64"],
    ["freebsd", "x64", undefined, "freebsd/amd64"],
    ["sunos", "x64", undefined, "solaris/amd64"],
  ])("is, for %s on %s (%s), %s", (platform, arch, version, expected) => {
    const variables = version === undefined ? {} : { arm_version: version };
    expect(formatPlatform(hostPlatform({ platform, arch, config: { variables } }))).toBe(expected);
  });

  it("is this machine's by default, in its normal form", () => {
    const here = hostPlatform();
    expect(here).toEqual(normalisePlatform(here));
    if (process.platform === "linux") {
      const machine = execFileSync("uname", ["-m"], { encoding: "utf8" }).trim();
      expect(here.os).toBe("linux");
      expect(here.architecture).toBe(normalisePlatform({ os: "linux", architecture: machine }).architecture);
    }
  });
});

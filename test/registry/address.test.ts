import { describe, expect, it } from "vitest";
import { isSlipwayError } from "../../src/errors.ts";
import { registryAddress, registryBases } from "../../src/registry/address.ts";
import { hostReach } from "../../src/registry/private-host.ts";

const bases = (registry: string, insecure = false, relay?: string): readonly string[] =>
  registryBases(registry, { insecure, relay }).map(({ href }) => href);

describe("a registry lies", () => {
  const CASES: readonly (readonly [string, boolean, readonly string[]])[] = [
    ["docker.io", false, ["https://registry-1.docker.io/"]],
    ["ghcr.io", false, ["https://ghcr.io/"]],
    ["registry.example:5000", false, ["https://registry.example:5000/"]],
    ["registry.example:5000", true, ["https://registry.example:5000/", "http://registry.example:5000/"]],
    ["10.0.0.1:5000", false, ["https://10.0.0.1:5000/"]],
    ["localhost", false, ["http://localhost/"]],
    ["localhost:5000", false, ["http://localhost:5000/"]],
    ["127.9.8.7:5000", true, ["http://127.9.8.7:5000/"]],
    ["[::1]:5000", false, ["http://[::1]:5000/"]],
    ["localhost:443", false, ["https://localhost/"]],
    ["localhost.example", false, ["https://localhost.example/"]],
  ];
  for (const [registry, insecure, where] of CASES) {
    it(`${registry}${insecure ? ", insecure" : ""}: ${where.join(", then ")}`, () => {
      expect(bases(registry, insecure)).toEqual(where);
    });
  }

  it("behind a relay, with its name as in references", () => {
    expect(bases("docker.io", false, "https://app.example/registry")).toEqual([
      "https://app.example/registry/docker.io/",
    ]);
    expect(bases("localhost:5000", false, "http://localhost:8787/r/")).toEqual([
      "http://localhost:8787/r/localhost:5000/",
    ]);
  });

  for (const registry of ["", "a b", "a/b", "user@host", "host?x", "host#x", "host:port", "\\\\host", "[::1"]) {
    it(`nowhere: ${JSON.stringify(registry)}`, () => {
      expect(() => bases(registry)).toThrow(/^Cannot talk to the registry/);
    });
  }

  for (const relay of [
    "/registry",
    "ftp://a.example/",
    "https://u:p@a.example/",
    "https://a.example/?x",
    "http://a.example/",
  ]) {
    it(`behind no such relay: ${relay}`, () => {
      try {
        bases("docker.io", false, relay);
        expect.unreachable();
      } catch (error) {
        expect(isSlipwayError(error, "INVALID_OPTION")).toBe(true);
      }
    });
  }
});

describe("a host can be reached", () => {
  const CASES = {
    loopback: [
      "localhost",
      "LOCALHOST.",
      "a.localhost",
      "127.0.0.1",
      "127.255.0.1",
      "0.0.0.0",
      "[::1]",
      "[::]",
      "[::ffff:127.0.0.1]",
    ],
    "link-local": [
      "169.254.169.254",
      "[fe80::1]",
      "metadata.google.internal",
      "[::ffff:169.254.169.254]",
      "[64:ff9b::a9fe:a9fe]",
    ],
    private: [
      "10.1.2.3",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "100.64.0.1",
      "[fd00:ec2::254]",
      "[2002:a00:1::]",
      "224.0.0.1",
    ],
    public: [
      "registry.example",
      "8.8.8.8",
      "172.32.0.1",
      "[2606:4700::1111]",
      "127.0.0.1.example",
      "10.example",
      "internal.example",
    ],
  };
  for (const [reach, names] of Object.entries(CASES)) {
    it.each(names)(`as ${reach}: %s`, (name) => {
      expect(hostReach(new URL(`http://${name}/`).hostname)).toBe(reach);
    });
  }

  it("however its address is written", () => {
    for (const name of ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"]) {
      expect(hostReach(new URL(`http://${name}/`).hostname)).toBe("loopback");
    }
  });
});

describe("requests of a registry go", () => {
  const allowed = (registry: string, url: string, insecure = false): boolean => {
    const [base] = registryBases(registry, { insecure });
    if (base === undefined) throw new Error("no base");
    try {
      registryAddress(registry, base, { insecure }).check(new URL(url), "x");
      return true;
    } catch (error) {
      if (isSlipwayError(error, "PERMISSION_DENIED")) return false;
      throw error;
    }
  };
  const CASES: readonly (readonly [string, string, boolean])[] = [
    ["registry.example", "https://registry.example/v2/", true],
    ["registry.example", "https://storage.example/x", true],
    ["registry.example", "http://storage.example/x", false],
    ["registry.example", "https://10.0.0.1/x", false],
    ["registry.example", "https://localhost:8080/x", false],
    ["registry.example", "https://169.254.169.254/latest/meta-data", false],
    ["registry.example", "https://user@registry.example/v2/", false],
    ["registry.example", "https://:pw@storage.example/", false],
    ["registry.example", "file:///etc/passwd", false],
    ["registry.example", "data:text/plain,x", false],
    ["10.0.0.1:5000", "https://10.0.0.2/x", true],
    ["10.0.0.1:5000", "http://10.0.0.2/x", false],
    ["10.0.0.1:5000", "https://127.0.0.1/x", false],
    ["10.0.0.1:5000", "https://169.254.169.254/x", false],
    ["localhost:5000", "http://127.0.0.1:9000/x", true],
    ["localhost:5000", "https://storage.example/x", true],
    ["localhost:5000", "http://storage.example/x", false],
    ["localhost:5000", "http://169.254.169.254/x", false],
  ];
  for (const [registry, url, may] of CASES) {
    it(`from ${registry} ${may ? "" : "not "}to ${url}`, () => expect(allowed(registry, url)).toBe(may));
  }

  it("of an insecure one by http and to its own network, but not to this machine", () => {
    expect(allowed("registry.example", "http://10.0.0.2/x", true)).toBe(true);
    expect(allowed("registry.example", "http://storage.example/x", true)).toBe(true);
    expect(allowed("registry.example", "http://127.0.0.1/x", true)).toBe(false);
    expect(allowed("registry.example", "http://169.254.169.254/x", true)).toBe(false);
  });
});

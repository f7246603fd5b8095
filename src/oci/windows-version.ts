/** Builds of Windows Server 2022 and 2025: from the first on, a host runs containers back to the long-term release before it. */
const LONG_TERM_BUILDS = [20348, 26100] as const;

interface WindowsVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

/**
 * Whether a Windows host of one version runs containers of another, both as `10.0.20348.1234`. Hosts before Server 2022 run only
 * their own build. Where either version is not known, nothing speaks against it.
 */
export function windowsRuns(hostVersion: string, imageVersion: string): boolean {
  const host = parseVersion(hostVersion);
  if (host === undefined || imageVersion === "") return true;
  const image = parseVersion(imageVersion);
  if (image === undefined || host.major !== image.major || host.minor !== image.minor) return false;
  const [oldest] = LONG_TERM_BUILDS;
  if (host.build < oldest) return host.build === image.build;
  const supported = LONG_TERM_BUILDS.findLast((build) => build < host.build) ?? oldest;
  return supported <= image.build && image.build <= host.build;
}

function parseVersion(text: string): WindowsVersion | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,5})(?:\.|$)/.exec(text);
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]), build: Number(match[3]) };
}

/*
 * What every image of ours stands on. All files of this folder count in the hash of every image: a change
 * here rebuilds them all.
 */

/** Debian packages beside mmdebstrap's minbase. */
export const BASE_PACKAGES = ['ca-certificates'] as const

/**
 * Shell lines run on the finished tree, which is `$1`. They leave nothing of the machine that built it, apt's
 * sources least of all: whoever builds brings their own.
 */
export const BASE_CUSTOMIZE = [
  'rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*',
  String.raw`printf '%s\n' 'APT::Install-Recommends "false";' 'Acquire::Languages "none";' 'APT::Keep-Downloaded-Packages "false";' 'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' >"$1"/etc/apt/apt.conf.d/90sekisho`,
  String.raw`printf '%s\n' 'path-exclude /usr/share/man/*' 'path-exclude /usr/share/locale/*' 'path-exclude /usr/share/doc/*' 'path-include /usr/share/doc/*/copyright' >"$1"/etc/dpkg/dpkg.cfg.d/sekisho`,
  'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/cache/debconf/*-old "$1"/var/log/*',
  'rm -f "$1"/etc/resolv.conf "$1"/etc/hostname; : >"$1"/etc/machine-id',
] as const

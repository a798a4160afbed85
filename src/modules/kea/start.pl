#!/usr/bin/perl
# start.pl LEASES DEVICE...: runs kea-dhcp4 on those of the devices that exist, with its leases in 'memfile' or 'mariadb'.
# start.pl --check: only judges the configuration, on a machine that may have none of them yet.
#
# Kea refuses its whole configuration when one device is missing, so a USB port that is not plugged in would cost
# every network its DHCP. What exists is noted with its index; health.pl ends Kea when that changes.
use strict;
use warnings;
require '/usr/local/libexec/devices.pl';
require '/usr/local/libexec/leases.pl';

our $LOCAL;
my $conf = '/etc/kea/kea-dhcp4.conf';
my ($leases, @devices) = @ARGV;

if ($leases eq '--check') {
    put("$LOCAL/interfaces.json", "[]\n");
    put("$LOCAL/password.json", qq("none"\n));
    exec 'kea-dhcp4', '-t', $conf or die "kea-dhcp4: $!\n";
}

# The first process of a container is not ended by a signal that it does not handle; it may wait here for long.
$SIG{TERM} = sub { exit 0 };
settle_leases($leases);

# At boot the devices may be just about to appear.
my %index;
for (1 .. 20) {
    %index = map { my $i = index_of($_); $i ? ($_ => $i) : () } @devices;
    last if keys %index == @devices;
    select undef, undef, undef, 0.5;
}
print STDERR "no device $_ on this machine: its network has no DHCP for now\n" for grep { !$index{$_} } @devices;

put("$LOCAL/devices", map { "$_ $index{$_}\n" } sort keys %index);
# Names come from router.yaml and hold nothing that JSON would escape.
put("$LOCAL/interfaces.json", '[' . join(', ', map { qq("$_") } sort keys %index) . "]\n");
keep_copy() if $leases ne 'memfile';
exec 'kea-dhcp4', '-c', $conf or die "kea-dhcp4: $!\n";

#!/usr/bin/perl
# health.pl LEASES DEVICE...: healthy when Kea answers status-get on its control socket.
#
# When a device that was missing at the start exists now, or one was made anew and has another index, Kea's
# sockets cannot reach it: then this ends Kea, and Docker starts it with the devices of today.
#
# While a database has the leases, it copies them into Kea's file: see leases.pl. A database that is away does not make
# Kea ill: it goes on by itself when that is back.
use strict;
use warnings;
use IO::Socket::UNIX;
require '/usr/local/libexec/devices.pl';
require '/usr/local/libexec/leases.pl';

our $LOCAL;
my ($leases, @devices) = @ARGV;
$SIG{ALRM} = sub { die "Kea does not answer\n" };
alarm 4;

my %noted = map { (split)[0, 1] } split /\n/, get("$LOCAL/devices");
for my $name (@devices) {
    my $index = index_of($name);
    next if !$index || $index == ($noted{$name} // 0);
    kill 'TERM', 1;
    die "device $name is new: starting again\n";
}

my $socket = IO::Socket::UNIX->new(Peer => '/run/kea/kea4.sock') or die "control socket: $!\n";
print $socket '{"command": "status-get"}';
$socket->shutdown(1);
my $answer = join '', <$socket>;
die "Kea says: $answer\n" if $answer !~ /"result": 0\b/;

if ($leases eq 'mariadb') {
    $SIG{ALRM} = sub { die "the database does not answer\n" };
    eval { copy_leases(); 1 } or print "the leases were not copied: $@";
}

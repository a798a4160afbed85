#!/usr/bin/perl
# health.pl DEVICE...: healthy when Kea answers status-get on its control socket.
#
# When a device that was missing at the start exists now, or one was made anew and has another index, Kea's
# sockets cannot reach it: then this ends Kea, and Docker starts it with the devices of today.
use strict;
use warnings;
use IO::Socket::UNIX;
require '/usr/local/libexec/devices.pl';

$SIG{ALRM} = sub { die "Kea does not answer\n" };
alarm 4;

my %noted = map { (split)[0, 1] } get('/run/kea-local/devices');
for my $name (@ARGV) {
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

sub get {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    return <$file>;
}

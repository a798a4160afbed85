use strict;
use warnings;
use Socket;

# The kernel's index of a network device, which a device made anew does not keep; 0 when there is none of that name.
sub index_of {
    my ($name) = @_;
    socket my $socket, AF_INET, SOCK_DGRAM, 0 or die "socket: $!\n";
    my $request = pack 'Z16 x24', $name;
    return ioctl($socket, 0x8933, $request) ? unpack('x16 i', $request) : 0;    # SIOCGIFINDEX, netdevice(7)
}

1;

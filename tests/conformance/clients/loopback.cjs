// Preload for servers that would listen on all interfaces: keeps them on the loopback address.
const net = require('net');
const original = net.Server.prototype._listen2;
net.Server.prototype._listen2 = function (address, port, addressType, backlog, fd, flags) {
  if (!address && typeof port === 'number' && port >= 0 && !(typeof fd === 'number' && fd >= 0)) {
    address = '127.0.0.1';
    addressType = 4;
  }
  return original.call(this, address, port, addressType, backlog, fd, flags);
};

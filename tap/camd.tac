# camd for those who start daemons by file: twistd -ny tap/camd.tac
#
# Configuration as always: CAMD_CONFIG or /etc/camd/camd.toml, and the environment CAMD_SECTION__KEY.

from twisted.application.service import Application

from camd.tap import Options, makeService

options = Options()
options.parseOptions([])
application = Application("camd")
makeService(options).setServiceParent(application)
